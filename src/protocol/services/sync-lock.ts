/**
 * The sync lock: tells the device and other programs that a sync runs, as idevicebackup2 does it.
 *
 *   post syncWillStart → open /com.apple.itunes.lock_sync → post syncLockRequest → lock exclusively (status 19: wait 200 ms, 50 attempts)
 *   → post syncDidStart;   given back: unlock, close, post syncDidFinish
 *
 *   await using lock = await acquireSyncLock({ afc, proxy, ctx });
 */
import { IbkError } from '../../errors.js';
import type { ProtocolContext } from '../context.js';
import { type Afc, AfcError } from './afc.js';
import { AFC_LOCK, AFC_MODE, AFC_STATUS } from './afc-packets.js';
import { HOST_NOTIFICATION } from './names.js';
import type { NotificationProxy } from './notification-proxy.js';

export const SYNC_LOCK_PATH = '/com.apple.itunes.lock_sync';
const ATTEMPTS = 50;
const RETRY_MS = 200;
/** Giving back must not hold up the end of a job whose device no longer answers. */
const GIVE_BACK_MS = 3000;

export interface SyncLockOptions {
  readonly afc: Afc;
  readonly proxy: NotificationProxy;
  readonly ctx: ProtocolContext;
  readonly signal?: AbortSignal | undefined;
}

/** Given back once, within a few seconds each step; giving back never throws. */
export interface SyncLock extends AsyncDisposable {}

/** @throws IbkError `device_busy` when another program keeps the lock for 10 s; whatever AFC and the proxy throw */
export async function acquireSyncLock({ afc, proxy, ctx, signal = ctx.signal }: SyncLockOptions): Promise<SyncLock> {
  await proxy.post(HOST_NOTIFICATION.syncWillStart, { signal });
  const handle = await afc.open(SYNC_LOCK_PATH, AFC_MODE.readWriteCreate, { signal });
  let locked = false;
  let given: Promise<void> | undefined;
  // No signal of the job here: giving back comes after it was aborted, too.
  const limits = { signal: new AbortController().signal, timeoutMs: GIVE_BACK_MS };
  const giveBack = async () => {
    if (locked) await afc.lock(handle, AFC_LOCK.unlock, limits).catch(() => undefined);
    await afc.closeFile(handle, limits).catch(() => undefined);
    await proxy.post(HOST_NOTIFICATION.syncDidFinish, limits).catch(() => undefined);
  };
  const lock: SyncLock = {
    [Symbol.asyncDispose]() {
      given ??= giveBack();
      return given;
    },
  };
  try {
    await proxy.post(HOST_NOTIFICATION.syncLockRequest, { signal });
    await lockExclusively(afc, handle, ctx, signal);
    locked = true;
    await proxy.post(HOST_NOTIFICATION.syncDidStart, { signal });
    return lock;
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

async function lockExclusively(afc: Afc, handle: bigint, ctx: ProtocolContext, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await afc.lock(handle, AFC_LOCK.exclusive, { signal });
    } catch (error) {
      if (!(error instanceof AfcError) || error.status !== AFC_STATUS.wouldBlock) throw error;
      if (attempt === ATTEMPTS) throw othersSync(error);
      await ctx.clock.sleep(RETRY_MS, signal);
    }
  }
}

function othersSync(cause: unknown): IbkError {
  return new IbkError('device_busy', 'Another program is syncing with the device.', {
    hint: 'Close Finder, iTunes and other such programs, or wait, then run the same command again.',
    reason: 'sync_lock',
    cause,
  });
}
