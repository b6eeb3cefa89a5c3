<?php
// What the bundle makes of templates: php ask.php FOLDER, with the variables of project.php; a JSON line for each
// template in that folder: [name, status, [the topics of each cookie]].
namespace App;

use Symfony\Bundle\FrameworkBundle\Controller\AbstractController;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpFoundation\Response;

require __DIR__.'/project.php';

final class Pages extends AbstractController
{
    public function page(Request $request): Response
    {
        return $this->render('generated/'.$request->query->get('name'));
    }

    public function __call(string $name, array $arguments): Response
    {
        return new Response($name);
    }
}

foreach (array_map('basename', glob(getenv('PROJECT').'/templates/generated/*.twig')) as $name) {
    $kernel = new Kernel('prod', false);
    $response = $kernel->handle(Request::create('https://app.example.com/?name='.rawurlencode($name)));
    $topics = [];
    foreach ($response->headers->getCookies() as $cookie) {
        $claims = json_decode(base64_decode(strtr(explode('.', $cookie->getValue())[1], '-_', '+/')), true);
        $topics[] = $claims['mercure']['subscribe'];
    }
    echo json_encode([$name, $response->getStatusCode(), $topics]), "\n";
}
