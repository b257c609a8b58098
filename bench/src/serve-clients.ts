/*
 * A process of players: connections that ask for one range after another and throw away what comes. Arguments: URL,
 * size of the file, connections, seconds. Says on standard output how many bytes came.
 */
import { connect } from 'node:net';

const RANGE_BYTES = 16 * 1024 * 1024;

const [address = '', size = '0', connections = '1', seconds = '1'] = process.argv.slice(2);
const url = new URL(address);
const deadline = performance.now() + Number(seconds) * 1000;
const ranges = Math.max(1, Math.floor(Number(size) / RANGE_BYTES));
let received = 0;

/** Reads into one buffer again and again: what the players cost is not what is measured. */
function player(number: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let next = Math.floor((number * ranges) / Number(connections));
    let left = 0;
    const ask = () => {
      if (performance.now() >= deadline) {
        socket.destroy();
        resolve();
        return;
      }
      const first = (next++ % ranges) * RANGE_BYTES;
      left = RANGE_BYTES;
      const range = `bytes=${first}-${first + RANGE_BYTES - 1}`;
      socket.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nRange: ${range}\r\n\r\n`);
    };
    let inHead = true;
    const socket = connect({
      host: url.hostname,
      port: Number(url.port),
      onread: {
        buffer: Buffer.allocUnsafeSlow(1024 * 1024),
        callback(length, buffer) {
          let bytes = length;
          if (inHead) {
            const head = Buffer.from(buffer.buffer, buffer.byteOffset, length);
            const end = head.indexOf('\r\n\r\n');
            if (end < 0 || !head.subarray(0, 12).toString().endsWith(' 206')) {
              reject(new Error(head.subarray(0, 500).toString()));
              return false;
            }
            bytes -= end + 4;
            inHead = false;
          }
          left -= bytes;
          received += bytes;
          if (left === 0) {
            inHead = true;
            ask();
          }
          return true;
        },
      },
    });
    socket.once('connect', ask);
    socket.once('error', reject);
  });
}

await Promise.all(Array.from({ length: Number(connections) }, (_, number) => player(number)));
process.stdout.write(`${received}\n`);
