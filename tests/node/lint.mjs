// What graphql-eslint's recommended rules for schemas, and those for Relay, say of a schema file:
//   node lint.mjs /path/to/schema.graphql
// Prints one JSON array of { rule, line, message }; empty where there is nothing to say.
import { dirname } from "node:path";
import graphql from "@graphql-eslint/eslint-plugin";
import { ESLint } from "eslint";

const [file] = process.argv.slice(2);
const { configs, parser } = graphql;
const eslint = new ESLint({
  cwd: dirname(file),
  overrideConfigFile: true,
  overrideConfig: [
    {
      files: ["**/*.graphql"],
      plugins: { "@graphql-eslint": graphql },
      languageOptions: { parser, parserOptions: { graphQLConfig: { schema: file } } },
      rules: {
        ...configs["flat/schema-recommended"].rules,
        ...configs["flat/schema-relay"].rules,
        // A list that is told whole is a list: Relay asks for a connection where there are pages, and a test sees to that. What
        // stands in an edge need not have an id: Relay asks for any type, and a group of usage is found by its keys.
        "@graphql-eslint/relay-edge-types": ["error", { listTypeCanWrapOnlyEdgeType: false, shouldImplementNode: false }],
      },
    },
  ],
});
const [{ messages }] = await eslint.lintFiles([file]);
console.log(JSON.stringify(messages.map(({ ruleId, line, message }) => ({ rule: ruleId, line, message }))));
