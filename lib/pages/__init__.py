"""What pages of any Django project can use. Knows requests and answers, and no model."""
