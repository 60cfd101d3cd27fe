import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
const { createClient } = createRequire(process.argv[2] + '/')('@clickhouse/client')

for (const session_id of [undefined, 'a-session'])
  for (const response of [false, true]) {
    const c = createClient({ url: `http://${process.argv[3]}`, username: 'reader', password: process.argv[4], session_id, compression: { response } })
    assert.ok((await c.ping()).success)
    assert.ok((await c.ping({ select: true })).success)
    for (const format of ['JSON', 'JSONEachRow', 'JSONCompact', 'JSONCompactEachRow', 'JSONObjectEachRow'])
      assert.match(JSON.stringify(await (await c.query({ query: 'SELECT id, file FROM t ORDER BY id', format })).json()), /two/)
    assert.equal(await (await c.query({ query: 'SELECT {n:UInt8} + 1', query_params: { n: 1 }, format: 'CSV' })).text(), '2\n')
    let n = 0
    for await (const rows of (await c.query({ query: 'SELECT number FROM numbers(200000)', format: 'JSONEachRow' })).stream()) n += rows.length
    assert.equal(n, 200000)
    await assert.rejects(c.command({ query: 'DROP TABLE t' }), /may only send SELECT/)
    await c.close()
  }
console.log('all as a server')
