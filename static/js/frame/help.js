/* The list of keys. */

export function toggleHelp() {
  const help = document.getElementById("frame-help");
  help.open ? help.close() : help.showModal();
}
