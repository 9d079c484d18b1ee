/** A file of this computer takes the way of one that a phone sends. */
import type { Overlay } from './overlay.js';

/** Each piece is done with before the next is asked for. @throws what `pieces` throws, with nothing received; as `Overlay.place` */
export async function receiveFile(overlay: Overlay, path: string, pieces: AsyncIterable<Buffer>): Promise<void> {
  const writer = overlay.begin(path);
  try {
    for await (const piece of pieces) await writer.write(piece);
  } catch (error) {
    await writer.discard();
    throw error;
  }
  await overlay.place(path, writer);
}
