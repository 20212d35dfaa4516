// Uppy in Svelte: `npm run uppy-svelte`.
import { mount } from 'svelte'
import Uploads from './uploads.svelte'

mount(Uploads, { target: document.getElementById('root') })
