// The REST reference: Swagger UI over this server's own OpenAPI document.
import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";
import "swagger-ui-dist/swagger-ui.css";
import { keepMended, oneStop } from "./roles.js";
import "./reference.css";

const config = JSON.parse(document.getElementById("reference-config").textContent);

const ui = SwaggerUI({
  domNode: document.getElementById("reference"),
  url: config.document,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: false,
  // Swagger's own checker is on the web.
  validatorUrl: "none",
  onComplete: () => config.token && ui.preauthorizeApiKey("bearer", config.token),
});
keepMended(document.getElementById("reference"), oneStop);
