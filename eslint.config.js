import js from "@eslint/js";
import globals from "globals";

const PUBLISHED = 'AssignmentExpression[left.object.name="window"]';

export default [
  { ignores: ["**/vendor/"] },
  js.configs.recommended,
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  {
    rules: {
      eqeqeq: ["error", "always"],
      "max-len": ["error", 100],
      "max-lines": ["error", 300],
      "max-lines-per-function": ["error", 60],
    },
  },
  {
    files: ["static/js/**/*.js"],
    languageOptions: { globals: globals.browser },
    rules: {
      "no-restricted-syntax": [
        "error",
        { selector: PUBLISHED, message: "Only main.js puts names on window." },
      ],
    },
  },
  { files: ["static/js/main.js"], rules: { "no-restricted-syntax": "off" } },
  { files: ["tests/js/**/*.js", "*.js"], languageOptions: { globals: globals.node } },
];
