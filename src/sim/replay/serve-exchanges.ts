/** A helper service that gives the answers of the trace, whatever exactly it is asked. */
import type { PlistDict } from '../../plist/value.js';
import { isPlistDict } from '../../plist/value.js';
import type { ServiceHandler } from '../services/service.js';
import { PlistStream } from '../wire/plist-stream.js';
import type { ReplayPlayer } from './player.js';
import type { Exchange } from './script.js';

export function serveExchanges(layer: string, exchanges: readonly Exchange[], player: ReplayPlayer): ServiceHandler {
  return async (stream) => {
    const plists = new PlistStream(stream);
    for (const exchange of exchanges) {
      const request = await plists.read();
      if (request === undefined) return;
      const name = requestName(request);
      if (name !== exchange.name) player.diverged(`${layer}: ${name} where the trace has ${exchange.name}`);
      for (const answer of exchange.answers) if (isPlistDict(answer)) plists.write(answer);
    }
    // Anything more gets no answer; the client closes.
    if ((await plists.read()) !== undefined) player.diverged(`${layer}: more requests than in the trace`);
  };
}

function requestName(request: PlistDict): string {
  const name = request.Command ?? request.command ?? request.Request;
  return typeof name === 'string' ? name : 'nothing';
}
