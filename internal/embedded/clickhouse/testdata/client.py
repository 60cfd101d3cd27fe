import sys
import clickhouse_connect

host, port, password = sys.argv[1:4]
for compress in ("lz4", "zstd", "gzip", False):
    for session in (None, "a-session"):
        c = clickhouse_connect.get_client(host=host, port=int(port), username="reader", password=password,
                                          database="ratemill", compress=compress, session_id=session)
        assert c.ping()
        assert c.query("SELECT count() FROM t").result_rows == [(2,)]
        assert c.query("SELECT {n:Int32} + 1, {s:String}", parameters={"n": 1, "s": "it's"}).result_rows == [(2, "it's")]
        assert c.query("SELECT name FROM system.columns WHERE table = 't' ORDER BY position").result_rows == [("id",), ("file",)]
        assert [r[0] for r in c.query("SHOW TABLES").result_rows] == ["t", "v"]
        assert c.raw_query("SELECT id FROM t ORDER BY id", fmt="CSV") == b"1\n2\n"
        assert len(c.raw_query("SELECT * FROM t", fmt="Parquet")) > 100
        with c.query_row_block_stream("SELECT number FROM numbers(300000)") as blocks:
            assert sum(len(b) for b in blocks) == 300000
        try:
            c.command("INSERT INTO t VALUES (3, 'three')")
            raise SystemExit("the reader wrote")
        except clickhouse_connect.driver.exceptions.DatabaseError as e:
            assert "497" in str(e), e
        c.close()
print("all as a server")
