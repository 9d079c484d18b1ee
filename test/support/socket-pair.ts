/** Two ends of one real stream socket. */
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let counter = 0;

export async function socketPair(): Promise<[Socket, Socket]> {
  const path = join(tmpdir(), `ibk-pair-${process.pid}-${counter++}.sock`);
  const server = createServer({ allowHalfOpen: true }).listen(path);
  await once(server, 'listening');
  const near = connect({ path, allowHalfOpen: true });
  const [far] = (await once(server, 'connection')) as [Socket];
  server.close();
  await rm(path, { force: true });
  for (const end of [near, far]) end.on('error', () => {});
  return [near, far];
}

/** Reads exactly `length` bytes, by hand. */
export async function take(socket: Socket, length: number): Promise<Buffer> {
  for (;;) {
    const bytes: Buffer | null = socket.read(length);
    if (bytes !== null) {
      if (bytes.length !== length) throw new Error(`only ${bytes.length} of ${length} bytes came`);
      return bytes;
    }
    if (socket.readableEnded || socket.destroyed) throw new Error(`the stream ended before ${length} bytes`);
    await new Promise<void>((resolve) => {
      const events = ['readable', 'close', 'end'];
      const wake = () => {
        for (const event of events) socket.off(event, wake);
        resolve();
      };
      for (const event of events) socket.on(event, wake);
    });
  }
}
