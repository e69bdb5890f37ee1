"""The database under the stores: SQLite in a file, or PostgreSQL by URL, behind one small port.

Statements are written once with SQLAlchemy Core, compiled once for each of the two, and run on the driver's own
connection: a look-up must cost microseconds. Next: `port.py`.
"""
