"""What askers see: GraphQL types, resolvers of one expression, loaders and limits."""
