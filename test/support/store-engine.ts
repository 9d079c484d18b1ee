/** The engine's modules, from the sources or from a copy of them with a defect put in. */
import type * as AdoptModule from '../../src/backup/commit/adopt.js';
import type * as CommitModule from '../../src/backup/commit/commit.js';
import type * as ContextModule from '../../src/backup/records/context.js';
import type * as EditModule from '../../src/backup/commit/edit-version.js';
import type * as HeadModule from '../../src/backup/records/head.js';
import type * as ListModule from '../../src/backup/records/change-list.js';
import type * as LayoutModule from '../../src/backup/records/layout.js';
import type * as OverlayModule from '../../src/backup/receive/overlay.js';
import type * as PromoteModule from '../../src/backup/commit/promote.js';
import type * as RecoveryModule from '../../src/backup/commit/recovery.js';
import type * as ResolveModule from '../../src/backup/versions/resolve.js';
import type * as RetireModule from '../../src/backup/commit/retire.js';
import type * as SealModule from '../../src/backup/records/seal.js';
import type * as TakeInModule from '../../src/backup/take-in.js';

export interface StoreEngine {
  readonly adopt: typeof AdoptModule;
  readonly commit: typeof CommitModule;
  readonly context: typeof ContextModule;
  readonly edit: typeof EditModule;
  readonly head: typeof HeadModule;
  readonly lists: typeof ListModule;
  readonly layout: typeof LayoutModule;
  readonly overlay: typeof OverlayModule;
  readonly promote: typeof PromoteModule;
  readonly recovery: typeof RecoveryModule;
  readonly resolve: typeof ResolveModule;
  readonly retire: typeof RetireModule;
  readonly seal: typeof SealModule;
  readonly takeIn: typeof TakeInModule;
}

/** @param folder URL or path of the folder that holds the engine's modules */
export async function loadEngine(folder: string): Promise<StoreEngine> {
  const module = (name: string) => import(/* @vite-ignore */ `${folder}/${name}.ts`);
  return {
    adopt: await module('commit/adopt'),
    commit: await module('commit/commit'),
    context: await module('records/context'),
    edit: await module('commit/edit-version'),
    head: await module('records/head'),
    lists: await module('records/change-list'),
    layout: await module('records/layout'),
    overlay: await module('receive/overlay'),
    promote: await module('commit/promote'),
    recovery: await module('commit/recovery'),
    resolve: await module('versions/resolve'),
    retire: await module('commit/retire'),
    seal: await module('records/seal'),
    takeIn: await module('take-in'),
  };
}

export const SOURCES = new URL('../../src/backup', import.meta.url).pathname;
