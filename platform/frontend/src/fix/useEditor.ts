import { onMounted, onUnmounted, ref, shallowRef, type Ref } from "vue";
import type { Tint } from "../editor/view/compositing";
import { Editor, type Begun } from "../editor/editor";
import type { Plane, Point } from "../editor/tools/kernels";
import type { Sketch } from "../editor/tools/outlining";
import { DrawnPhoto } from "../editor/photo";
import { Renderer, type ViewMode } from "../editor/view/renderer";
import type { Settings } from "../editor/settings";
import { WorkerSolver } from "../editor/tools/solver";
import type { Viewport } from "../editor/view/viewport";

/** What buttons and options show. It changes only when one of its values does, never by moving the brush alone. */
export interface EditorState {
  settings: Settings;
  mode: ViewMode;
  tint: Tint;
  comparing: boolean;
  zoom: number;
  panning: boolean;
  busy: boolean;
  problem: string;
  selected: boolean;
  canUndo: boolean;
  canRedo: boolean;
  changed: boolean;
}

function stateOf(editor: Editor): EditorState {
  return {
    settings: editor.settings,
    mode: editor.mode,
    tint: editor.tint,
    comparing: editor.comparing,
    zoom: editor.view.scale,
    panning: editor.spaceHeld,
    busy: editor.busy,
    problem: editor.problem,
    selected: editor.selection !== null,
    canUndo: editor.history.canUndo,
    canRedo: editor.history.canRedo,
    changed: editor.history.changed,
  };
}

/** What lies over the photo while one draws. */
export interface Drawing {
  view: Viewport;
  sketch: Sketch | null;
  selection: readonly Point[] | null;
}

/** Holds the engine for as long as the component lives; shows its state as values and hands out its verbs. */
export function useEditor(
  canvas: Ref<HTMLCanvasElement | null>,
  image: HTMLImageElement,
  plane: Plane,
  begun: Begun = {},
) {
  const editor = shallowRef<Editor | null>(null);
  const state = shallowRef<EditorState | null>(null);
  const cursor = shallowRef<Point | null>(null);
  const drawing = shallowRef<Drawing | null>(null);
  const revision = ref(0);
  let observer: ResizeObserver | undefined;
  let photo: DrawnPhoto | undefined;

  function update(engine: Editor): void {
    const next = stateOf(engine);
    if (!state.value || !same(state.value, next)) state.value = next;
    cursor.value = engine.cursor;
    revision.value = engine.revision;
    const { view, sketch, selection } = engine;
    const drawn = sketch || selection ? { view, sketch, selection } : null;
    if (drawn || drawing.value) drawing.value = drawn;
  }

  onMounted(() => {
    const element = canvas.value!;
    photo = new DrawnPhoto(image, plane.width, plane.height);
    const renderer = new Renderer(element, photo, plane);
    const engine = new Editor(plane, renderer, () => update(engine), {
      photo,
      solver: new WorkerSolver(),
      ...begun,
    });
    const room = element.parentElement!;
    const resize = () => engine.resize({ width: room.clientWidth, height: room.clientHeight });
    observer = new ResizeObserver(resize);
    observer.observe(room);
    resize();
    editor.value = engine;
    // Without its copies the photo is only slower to draw: first it is shown.
    const prepare = () => photo!.prepare().then(() => renderer.redraw(), console.warn);
    requestAnimationFrame(() => setTimeout(prepare));
  });
  onUnmounted(() => {
    observer?.disconnect();
    editor.value?.destroy();
    photo?.close();
  });

  return { editor, state, cursor, drawing, revision };
}

function same(a: EditorState, b: EditorState): boolean {
  return (Object.keys(a) as (keyof EditorState)[]).every((key) => a[key] === b[key]);
}
