"""Public market data: depth, trades, candles, tickers and their streams."""
