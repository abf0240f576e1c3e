"""A Binance-speaking exchange on loopback: matching, ledger, markets, faults."""
