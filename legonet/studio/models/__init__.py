"""What the studio's API takes and gives, by family; the OpenAPI description is made of these."""
