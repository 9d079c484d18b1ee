/** Ways in which a connection of the backup service ends before its work is done. */

/** The computer did what a real phone would not have accepted. Recorded; the connection is cut without an answer. */
export class ProtocolViolation extends Error {
  constructor(text: string) {
    super(text);
    this.name = 'ProtocolViolation';
  }
}

/** The operation is over with this answer to the computer (MBErrorDomain). */
export class FinalAnswer extends Error {
  constructor(
    readonly errorCode: number,
    readonly description: string,
  ) {
    super(description);
    this.name = 'FinalAnswer';
  }
}

/** The connection is over without an answer: `host disconnected`, `cable pulled`, `eof`, `disconnect`, `cancelled on the phone`. */
export class ConnectionOver extends Error {
  constructor(readonly ending: string) {
    super(ending);
    this.name = 'ConnectionOver';
  }
}
