"""The medallion layers: staged pages, bronze, silver, gold."""
