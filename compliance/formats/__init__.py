"""One file a format. Each names its file and turns records (compliance/records.py) into bytes that can be appended."""
