/** Scenarios of the backup service. */
import type { ScenarioDefinition } from './definition.js';

export const BACKUP_SCENARIOS: readonly ScenarioDefinition[] = [];
