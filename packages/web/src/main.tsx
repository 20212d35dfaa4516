import './page.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import { uploadsTo } from './uploads/destination.ts'

const page = document.getElementById('page')
if (page === null) throw new Error('index.html has no place for the page')
const endpoint = new URL('files/', document.baseURI).href
createRoot(page).render(
  <StrictMode>
    <App endpoint={endpoint} files={uploadsTo(endpoint)} />
  </StrictMode>,
)
