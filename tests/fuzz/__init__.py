"""Every operation of the API, with what its description allows and with what it does not."""
