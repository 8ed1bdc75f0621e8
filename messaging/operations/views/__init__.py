"""The provider operators' pages. Each asks for Permission.OPERATE, which no role of an organization grants."""
