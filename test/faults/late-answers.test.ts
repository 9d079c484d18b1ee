/** An answer that comes after its time must not be taken for that of the next question. */
import { expect, test } from 'vitest';
import { buildXmlPlist } from '../../src/plist/codec.js';
import { plistDict } from '../../src/plist/value.js';
import { connectionOf } from '../../src/protocol/connection.js';
import { Springboard } from '../../src/protocol/services/springboard.js';
import { contextFor, hastyClock } from '../support/sim-bench.js';
import { socketPair } from '../support/socket-pair.js';

test('an icon that comes too late is not shown for another app', async () => {
  const [near, far] = await socketPair();
  const { ctx } = contextFor('127.0.0.1:1', { clientClock: hastyClock(), timeouts: { answerMs: 1000 } });
  const springboard = new Springboard(connectionOf(near), ctx);
  await expect(springboard.icon('com.example.slow')).rejects.toMatchObject({ code: 'timeout' });
  const late = buildXmlPlist(plistDict({ pngData: Buffer.from('slow') }));
  const head = Buffer.alloc(4);
  head.writeUInt32BE(late.length, 0);
  far.write(Buffer.concat([head, late]));
  await expect(springboard.icon('com.example.next')).rejects.toMatchObject({ code: 'connection_lost' });
  far.destroy();
});
