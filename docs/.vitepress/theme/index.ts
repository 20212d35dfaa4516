import DefaultTheme from 'vitepress/theme'
import './picture.css'

export default DefaultTheme
