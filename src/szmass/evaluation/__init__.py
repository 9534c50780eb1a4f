"""How estimates are judged and shown: numbers, figures and tables from plain arrays."""
