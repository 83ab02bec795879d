"""The GraphQL door: a code-first schema whose types are made from the reports, and the view that serves it."""
