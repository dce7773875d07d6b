// Objects, maps, strings, typed arrays, compression, digests, timers and worker threads; prints digests of the results.
const {Worker, isMainThread, parentPort, workerData} = require('worker_threads');
const zlib = require('zlib');
const crypto = require('crypto');
if (!isMainThread) {
  const list = [];
  for (let i = 0; i < 50000; i++) list.push({i, s: 'w' + (i * workerData) % 977});
  list.sort((a, b) => (a.s < b.s ? -1 : a.s > b.s ? 1 : a.i - b.i));
  parentPort.postMessage(crypto.createHash('sha256').update(JSON.stringify(list)).digest('hex'));
} else {
  const map = new Map();
  for (let i = 0; i < 200000; i++) map.set('key' + (i * 7919) % 100003, {i, text: 'x'.repeat(i % 40)});
  console.log(map.size, JSON.stringify([...map.values()].slice(0, 5)));
  const body = Buffer.from(JSON.stringify([...map.entries()]));
  const packed = zlib.gzipSync(body, {level: 6});
  console.log(body.length, zlib.gunzipSync(packed).equals(body), crypto.createHash('sha256').update(body).digest('hex'));
  const buffers = [];
  for (let i = 0; i < 2000; i++) buffers.push(Buffer.alloc(1000 + i * 13 % 60000, i & 255));
  console.log(buffers.reduce((sum, buffer) => sum + buffer[buffer.length - 1], 0));
  const results = {};
  for (const n of [3, 5, 7, 11]) {
    const worker = new Worker(__filename, {workerData: n});
    worker.on('message', digest => {
      results[n] = digest;
      if (Object.keys(results).length === 4) console.log(JSON.stringify(Object.entries(results).sort()));
    });
  }
}
