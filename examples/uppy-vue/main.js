// Uppy in Vue: `npm run uppy-vue`.
import { createApp } from 'vue'
import Uploads from './uploads.vue'

createApp(Uploads).mount('#root')
