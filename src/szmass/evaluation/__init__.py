"""Statistics, tables and charts that both papers' results use."""
