"""Days that ended, as Parquet files with a manifest each, and questions over them in SQL."""
