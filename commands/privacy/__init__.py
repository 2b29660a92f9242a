"""What accounts may ask about their own data: to take it along, and to have it gone."""
