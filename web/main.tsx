import { render } from 'preact'
import './style/base.css'
import './style/shell.css'
import './style/over.css'
import './style/parts.css'
import './style/pages.css'
import './style/health.css'
import './style/task.css'
import { App } from './app.tsx'

const place = document.querySelector('#app')
if (place) render(<App />, place)
