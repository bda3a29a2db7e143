"""The compute layer of Ontogeny: measures each checkpoint of a run once and keeps the record."""
