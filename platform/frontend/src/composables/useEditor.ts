import { onMounted, onUnmounted, shallowRef, type Ref } from "vue";
import { Editor, type Begun } from "../editor/editor";
import type { Plane, Point } from "../editor/kernels";
import { Renderer, type ViewMode } from "../editor/renderer";
import type { ToolName } from "../editor/settings";
import { WorkerSolver } from "../editor/solver";
import { DrawnPhoto } from "../editor/photo";

export interface EditorState {
  kind: ToolName;
  size: number;
  mode: ViewMode;
  cursor: Point | null;
  zoom: number;
  panning: boolean;
  canUndo: boolean;
  canRedo: boolean;
  changed: boolean;
}

function stateOf(editor: Editor): EditorState {
  return {
    kind: editor.settings.tool,
    size: editor.settings.size,
    mode: editor.mode,
    cursor: editor.cursor,
    zoom: editor.view.scale,
    panning: editor.spaceHeld,
    canUndo: editor.history.canUndo,
    canRedo: editor.history.canRedo,
    changed: editor.history.changed,
  };
}

/** Holds the engine for as long as the component lives; shows its state as one value and hands out its verbs. */
export function useEditor(
  canvas: Ref<HTMLCanvasElement | null>,
  image: HTMLImageElement,
  plane: Plane,
  begun: Begun = {},
) {
  const editor = shallowRef<Editor | null>(null);
  const state = shallowRef<EditorState | null>(null);
  let observer: ResizeObserver | undefined;

  onMounted(() => {
    const element = canvas.value!;
    const engine = new Editor(plane, new Renderer(element, image, plane), () => (state.value = stateOf(engine)), {
      photo: new DrawnPhoto(image, plane.width, plane.height),
      solver: new WorkerSolver(),
      ...begun,
    });
    const room = element.parentElement!;
    const resize = () => engine.resize({ width: room.clientWidth, height: room.clientHeight });
    observer = new ResizeObserver(resize);
    observer.observe(room);
    resize();
    editor.value = engine;
  });
  onUnmounted(() => {
    observer?.disconnect();
    editor.value?.destroy();
  });

  return { editor, state };
}
