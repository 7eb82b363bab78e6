import { onMounted, onUnmounted, ref, type Ref, type ShallowRef } from "vue";
import type { Editor } from "../editor/editor";
import type { Contact } from "../editor/view/gestures";
import { commandOf, type Command } from "../editor/view/keys";
import type { Point } from "../editor/tools/kernels";

const ARROWS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** Brings pointers, wheel and keys to the engine. Commands go to `run`, which the buttons share. */
export function useEditorInput(
  canvas: Ref<HTMLCanvasElement | null>,
  editor: ShallowRef<Editor | null>,
  run: (command: Command) => void,
) {
  /** A finger lies on the photo, and hides what it paints. */
  const finger = ref(false);

  function at(event: MouseEvent): Point {
    const box = canvas.value!.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  const contact = (event: PointerEvent): Contact => ({
    id: event.pointerId,
    kind: event.pointerType,
    at: at(event),
    breadth: Math.max(event.width, event.height),
    ...(event.pointerType === "pen" ? { pressure: event.pressure } : {}),
  });

  /** Paints before the frame comes, where the browser tells as soon as a pointer moves (Pointer Events, level 3). */
  function onRawUpdate(event: PointerEvent): void {
    if (!editor.value?.painting) return;
    for (const each of unseen(event)) editor.value.pointerPaint(contact(each));
  }

  /** Once a frame. */
  function onPointerMove(event: PointerEvent): void {
    const points = unseen(event);
    for (const each of points.slice(0, -1)) editor.value?.pointerPaint(contact(each));
    if (points.length) editor.value?.pointerMove(contact(points.at(-1)!));
    else editor.value?.pointerHover(contact(event));
  }

  const seen = new Map<number, number>(); // by pointer: when the last point that was painted came

  /** Fast strokes come in bundles: every point counts, and none twice. */
  function unseen(event: PointerEvent): PointerEvent[] {
    const bundle = event.getCoalescedEvents?.() ?? [];
    const last = seen.get(event.pointerId) ?? -Infinity;
    const points = (bundle.length ? bundle : [event]).filter(({ timeStamp }) => timeStamp > last);
    if (points.length) seen.set(event.pointerId, points.at(-1)!.timeStamp);
    return points;
  }

  function onPointerDown(event: PointerEvent): void {
    if (event.button > 1) return;
    event.preventDefault();
    seen.delete(event.pointerId);
    finger.value = event.pointerType === "touch";
    canvas.value!.focus({ preventScroll: true });
    canvas.value!.setPointerCapture(event.pointerId);
    editor.value?.pointerDown(contact(event), event.button === 1);
  }

  function onWheel(event: WheelEvent): void {
    event.preventDefault();
    if (event.shiftKey) return editor.value?.scroll(event.deltaX || event.deltaY, event.deltaX ? event.deltaY : 0);
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    // A trackpad's pinch comes as a wheel with Ctrl, in finer steps.
    const speed = event.ctrlKey ? 0.01 : 0.0015;
    editor.value?.zoom(Math.exp(-event.deltaY * lines * speed), at(event));
  }

  /** Letters are commands anywhere on the page; keys that buttons and sliders need only count on the canvas. */
  function onKeyDown(event: KeyboardEvent): void {
    if (document.querySelector("dialog[open]")) return;
    const target = event.target as HTMLElement;
    if (target.matches("input[type=text], textarea")) return;
    const command = commandOf(event);
    if (command) {
      event.preventDefault();
      return run(command);
    }
    if (target !== canvas.value && target !== document.body) return;
    if (ARROWS[event.key]) move(event);
    else if (event.key === "Enter") event.shiftKey ? editor.value?.close() : editor.value?.dab();
    else if (event.key === " ") {
      if (!event.repeat) editor.value?.spaceDown();
    } else return;
    event.preventDefault();
  }

  function move(event: KeyboardEvent): void {
    const engine = editor.value;
    if (!engine) return;
    const [dx, dy] = ARROWS[event.key];
    const step = event.shiftKey ? engine.view.scale : Math.max(2, engine.settings.size / 3);
    engine.moveCursor(dx * step, dy * step);
  }

  function onKeyUp(event: KeyboardEvent): void {
    if (event.key === " ") editor.value?.spaceUp();
  }

  const onBlur = () => editor.value?.spaceUp();

  onMounted(() => {
    canvas.value!.addEventListener("pointerrawupdate", onRawUpdate as EventListener);
    canvas.value!.addEventListener("wheel", onWheel, { passive: false });
    window.addEventListener("keydown", onKeyDown);
    window.addEventListener("keyup", onKeyUp);
    window.addEventListener("blur", onBlur);
  });
  onUnmounted(() => {
    window.removeEventListener("keydown", onKeyDown);
    window.removeEventListener("keyup", onKeyUp);
    window.removeEventListener("blur", onBlur);
  });

  const lift = () => (finger.value = false);

  const pointer = {
    pointerdown: onPointerDown,
    pointermove: onPointerMove,
    pointerup: (event: PointerEvent) => (lift(), editor.value?.pointerUp(event.pointerId)),
    pointercancel: (event: PointerEvent) => (lift(), editor.value?.pointerCancel(event.pointerId)),
    pointerleave: () => editor.value?.pointerLeave(),
    dblclick: () => editor.value?.close(),
    // Who comes by keyboard sees at once where the brush is.
    focus: () => canvas.value!.matches(":focus-visible") && editor.value?.showCursor(),
  };
  return { pointer, finger };
}
