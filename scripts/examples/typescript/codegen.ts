// Types of this client's operations, made from the gateway's schema: graphql-codegen's client preset, as it is documented.
import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  schema: process.env["GATEWAY_SCHEMA"] ?? "../../../schema.graphql",
  documents: ["src/**/*.ts", "!src/generated/**"],
  generates: {
    "src/generated/": {
      preset: "client",
      presetConfig: { fragmentMasking: { unmaskFunctionName: "read" } },
      config: {
        // Documents are sent as they are: nothing parses or prints GraphQL as the client runs.
        documentMode: "string",
        enumsAsTypes: true,
        // What is null is null, never absent: the gateway answers every field that is asked for.
        maybeValue: "T | null",
        inputMaybeValue: "T | null | undefined",
        avoidOptionals: { field: true },
        useTypeImports: true,
        emitLegacyCommonJSImports: false,
        importExtension: ".js",
        // Every scalar is named here. A decimal stays a text, since a number would lose digits.
        strictScalars: true,
        defaultScalarType: "unknown",
        scalars: {
          DateTime: "string",
          Decimal: "string",
          JSONObject: "Record<string, unknown>",
          SafeInt: "number",
          TimeZone: "string",
          URL: "string",
        },
      },
    },
  },
};

export default config;
