"""Orders, from the quote to the parcel."""
