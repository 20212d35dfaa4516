/** Every name that the uploader imports for its page, which is never shown. */
const nothing = () => ({})

export default { extend: nothing }
export {
  nothing as defineAsyncComponent,
  nothing as defineComponent,
  nothing as showError,
  nothing as showInfo,
  nothing as showWarning,
  nothing as spawnDialog,
  nothing as useHotKey,
}
