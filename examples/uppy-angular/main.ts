// Uppy in Angular: `npm run uppy-angular`. The compiler runs in the page here; with Angular's own command line it runs
// before, and its import goes.
import '@angular/compiler'
import { afterNextRender, Component, DestroyRef, ElementRef, inject } from '@angular/core'
import { bootstrapApplication } from '@angular/platform-browser'
import Uppy from '@uppy/core'
import Dashboard from '@uppy/dashboard'
import Tus from '@uppy/tus'
import '@uppy/core/css/style.css'
import '@uppy/dashboard/css/style.css'

const endpoint = `${import.meta.env.PAWL_URL ?? 'http://127.0.0.1:8080'}/files/`

@Component({ selector: 'app-uploads', template: '' })
class Uploads {
  constructor() {
    const { nativeElement: target } = inject(ElementRef)
    const uppy = new Uppy().use(Tus, { endpoint })
    afterNextRender(() => uppy.use(Dashboard, { target, inline: true }))
    inject(DestroyRef).onDestroy(() => uppy.destroy())
  }
}

await bootstrapApplication(Uploads)
