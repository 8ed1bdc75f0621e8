"""The compliance desk's pages, one module a tab. Every page is for compliance officers only."""
