/**
 * `ibk/sim`: simulated iPhones for tests.
 *
 * ```ts
 * await using sim = await startSimulator({ ios: ['17'], files: 20, bytes: 1_000_000 });
 * const env = { USBMUXD_SOCKET_ADDRESS: sim.listen };
 * ```
 */
export { type ControlCommand, CONTROL_COMMANDS } from './control/commands.js';
export { controlSimulator } from './control/client.js';
export { phoneStats } from './control/stats.js';
export { type LockState, SimulatedPhone } from './phone/phone.js';
export { IOS_PROFILES, type IosId, type IosProfile, isIosId, simulatedUdid } from './profile.js';
export { describeScenarios, type ScenarioDefinition, SCENARIOS, ScenarioSet } from './scenario.js';
export { type Simulator, type SimulatorOptions, startSimulator } from './simulator.js';
