"""The reproduction: a grid's results in compact form, its tables from these alone, and the document that shows them."""
