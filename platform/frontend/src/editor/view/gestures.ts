import type { Point } from "../tools/kernels";
import type { Sample, Tool } from "../tools/tools";

export interface Contact {
  id: number;
  kind: string; // mouse, touch or pen
  at: Point; // screen pixels
  /** A pen's, 0..1. */
  pressure?: number;
  /** The larger side of what touches the screen, in CSS pixels, where the device tells. */
  breadth?: number;
}

/** No fingertip is as broad as this, in CSS pixels; the side of a hand is. */
export const PALM = 64;

export interface Tools {
  /** The tool in hand. */
  paint(): Tool<Sample>;
  pan: Tool<Point>;
  pinch: Tool<[Point, Point]>;
  toPhoto(point: Point): Point;
}

/**
 * Turns pointers into tools: one paints, two fingers move the photo. A second finger takes back what the first had
 * begun to paint, and after a pinch nothing is painted until every finger has left.
 *
 * A hand that holds a pen rests on the screen. So once a pen was seen fingers only move the photo, while it paints they
 * do nothing, what a hand began before the pen came down is taken back, and what is as broad as a palm never counts.
 */
export class Gestures {
  private readonly contacts = new Map<number, Contact>();
  private spent = false;
  private penSeen = false;

  constructor(private readonly tools: Tools) {}

  get active(): boolean {
    return this.contacts.size > 0;
  }

  down(contact: Contact, panning: boolean): void {
    if (this.isPalm(contact)) return;
    if (contact.kind === "pen") {
      this.penSeen = true;
      this.clear("touch");
    }
    this.contacts.set(contact.id, contact);
    if (this.contacts.size === 1) {
      if (panning || (this.penSeen && contact.kind === "touch")) this.tools.pan.begin(contact.at);
      else this.tools.paint().begin(this.sample(contact));
    } else if (this.contacts.size === 2) {
      this.tools.paint().cancel();
      this.tools.pan.complete();
      this.tools.pinch.begin(this.pair());
      this.spent = true;
    }
  }

  /** Of every pointer, those that only hover included. */
  move(contact: Contact): void {
    if (contact.kind === "pen") this.penSeen = true;
    if (contact.kind === "touch" && (contact.breadth ?? 0) >= PALM) return this.cancel(contact.id);
    if (!this.contacts.has(contact.id)) return;
    this.contacts.set(contact.id, contact);
    if (this.tools.pinch.active) this.tools.pinch.move(this.pair());
    else if (this.tools.pan.active) this.tools.pan.move(contact.at);
    else if (!this.spent) this.tools.paint().move(this.sample(contact));
  }

  up(id: number): void {
    this.end(id, "complete");
  }

  /** The browser took the pointer away. */
  cancel(id: number): void {
    this.end(id, "cancel");
  }

  private end(id: number, how: "complete" | "cancel"): void {
    if (!this.contacts.delete(id)) return;
    this.tools.pinch[how]();
    this.tools.pan[how]();
    if (!this.spent) this.tools.paint()[how]();
    if (this.contacts.size === 0) this.spent = false;
  }

  private isPalm({ kind, breadth = 0 }: Contact): boolean {
    return kind === "touch" && (breadth >= PALM || this.holds("pen"));
  }

  /** Takes back what pointers of a kind have begun. */
  private clear(kind: string): void {
    for (const contact of [...this.contacts.values()]) if (contact.kind === kind) this.cancel(contact.id);
    this.spent = false;
  }

  private sample({ at, pressure }: Contact): Sample {
    return { ...this.tools.toPhoto(at), pressure };
  }

  private holds(kind: string): boolean {
    return [...this.contacts.values()].some((contact) => contact.kind === kind);
  }

  private pair(): [Point, Point] {
    const [first, second] = [...this.contacts.values()];
    return [first.at, second.at];
  }
}
