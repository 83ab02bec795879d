"""What schemathesis is told of the gateway."""
