import { onMounted, onUnmounted, ref } from "vue";

/** Pictures dropped anywhere on the page, or pasted into it. */
export function useFileDrop(take: (files: File[]) => void) {
  const over = ref(false);

  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;

  function onDragOver(event: DragEvent): void {
    if (!hasFiles(event)) return;
    event.preventDefault();
    over.value = true;
  }

  function onDragLeave(event: DragEvent): void {
    if (event.relatedTarget === null) over.value = false; // left the window
  }

  function onDrop(event: DragEvent): void {
    over.value = false;
    if (!hasFiles(event)) return;
    event.preventDefault();
    take([...event.dataTransfer!.files]);
  }

  function onPaste(event: ClipboardEvent): void {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    take(files);
  }

  onMounted(() => {
    window.addEventListener("dragover", onDragOver);
    window.addEventListener("dragleave", onDragLeave);
    window.addEventListener("drop", onDrop);
    window.addEventListener("paste", onPaste);
  });
  onUnmounted(() => {
    window.removeEventListener("dragover", onDragOver);
    window.removeEventListener("dragleave", onDragLeave);
    window.removeEventListener("drop", onDrop);
    window.removeEventListener("paste", onPaste);
  });
  return { over };
}
