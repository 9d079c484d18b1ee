/** The phone's notification centre: computers post and observe through notification_proxy, the phone's own services post directly. */
export type NotificationObserver = (name: string) => void;

export class NotificationCentre {
  readonly #observers = new Map<NotificationObserver, Set<string>>();
  /** What computers have posted, oldest first. */
  readonly posts: string[] = [];

  observe(observer: NotificationObserver, name: string): void {
    const names = this.#observers.get(observer) ?? new Set();
    names.add(name);
    this.#observers.set(observer, names);
  }

  forget(observer: NotificationObserver): void {
    this.#observers.delete(observer);
  }

  observed(name: string): boolean {
    return [...this.#observers.values()].some((names) => names.has(name));
  }

  /** From a computer: recorded, then like any other. */
  post(name: string): void {
    this.posts.push(name);
    this.notify(name);
  }

  notify(name: string): void {
    for (const [observer, names] of [...this.#observers]) if (names.has(name)) observer(name);
  }
}
